-- A key that somebody wants to see, to end or to renew. p_by is the hash of the key they act with (ablo.key_shown); it
-- may be that key itself, one that it was minted from, or a secret key with the scope keys:manage over any key but
-- secret ones of its organization. Publishable and ephemeral keys manage none, not even themselves. Null: an
-- administrator, over any key of the organization; that takes the right to make keys, which only the control login has
-- where there is one.
-- Called by: ablo.key_get, ablo.key_revoke, ablo.key_rotate. Raises: forbidden, capability_not_found, and what
-- ablo.key_shown raises for p_by.
create or replace function ablo.key_managed(p_organization text, p_id text, p_by text) returns ablo.api_key
language plpgsql volatile
as $$
declare
  v_key ablo.api_key;
  v_by ablo.api_key;
  v_own boolean;
begin
  select * into v_key from ablo.api_key k where k.id = p_id;
  if p_by is null then
    if not has_function_privilege(session_user, 'ablo.key_create(text, text, jsonb)', 'execute') then
      perform ablo.raise_error('forbidden', format('login %I may not manage keys', session_user),
        'use the control login: set ABLO_CONTROL_URL to what `ablo-pg connect --control` printed');
    end if;
    v_own := v_key.organization_id = p_organization;
  else
    v_by := ablo.key_shown(p_organization, p_by);
    if v_by.prefix in ('ek', 'pk') then
      perform ablo.raise_error('forbidden', 'a publishable or ephemeral key manages no keys, not even itself',
        'do it with the key that it was minted from, on your server');
    end if;
    v_own := exists (
        with recursive line (id, parent_id) as (
          select v_key.id, v_key.parent_id
          union all
          select k.id, k.parent_id from line l join ablo.api_key k on k.id = l.parent_id)
        select from line l where l.id = v_by.id)
      or v_key.organization_id = p_organization and v_key.prefix <> 'sk' and v_by.prefix = 'sk'
         and v_by.operations is null and v_by.sync_groups is null and 'keys:manage' = any (v_by.scopes);
  end if;
  if v_own is not true then
    perform ablo.raise_error('capability_not_found', 'there is no key with this id that may be managed here',
      'look it up: `ablo-pg keys list`; a key manages itself and what was minted from it');
  end if;
  return v_key;
end
$$;
