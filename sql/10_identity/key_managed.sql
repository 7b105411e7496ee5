create or replace function ablo.key_managed(p_organization text, p_id text, p_by text) returns ablo.api_key
language plpgsql volatile
as $$
  -- A key that the caller wants to read, end or renew. p_by is the hash of the caller's key (ablo.key_shown); it
  -- may be that key itself, one that it was minted from, or a secret key with the scope keys:manage for any key
  -- of its organization except secret ones. Publishable and ephemeral keys manage none, not even themselves.
  -- Null: an administrator, for any key of the organization; that needs the right to create keys, which only the
  -- control login has if there is one.
  -- Called by: ablo.key_get, ablo.key_revoke, ablo.key_rotate. Raises: forbidden, capability_not_found, and the
  -- errors of ablo.key_shown for p_by.
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
    perform ablo.raise_error('capability_not_found', 'there is no key with this id that the caller may manage',
      'look it up: `ablo-pg keys list`; a key manages itself and what was minted from it');
  end if;
  return v_key;
end
$$;
