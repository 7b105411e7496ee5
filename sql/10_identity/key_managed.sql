-- A key that somebody wants to end or to renew. p_by is the key they act with; it may be that key itself,
-- one that it was minted from, or a secret key without restrictions over any key but secret ones of its
-- organization. Null: an administrator, over any key of the organization.
-- Called by: ablo.key_revoke, ablo.key_rotate. Raises: capability_not_found, and what
-- ablo.capability_live raises for p_by.
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
    v_own := v_key.organization_id = p_organization;
  else
    v_by := ablo.capability_live(p_organization, null, p_by);
    v_own := exists (
        with recursive line (id, parent_id) as (
          select v_key.id, v_key.parent_id
          union all
          select k.id, k.parent_id from line l join ablo.api_key k on k.id = l.parent_id)
        select from line l where l.id = p_by)
      or v_key.organization_id = p_organization and v_key.prefix <> 'sk' and v_by.prefix = 'sk'
         and v_by.operations is null and v_by.sync_groups is null and v_by.scopes = '{}';
  end if;
  if v_own is not true then
    perform ablo.raise_error('capability_not_found', format('there is no key %s', quote_nullable(left(p_id, 80))),
      'look it up: `ablo-pg keys list`; a key manages itself and what was minted from it',
      jsonb_build_object('capabilityId', left(p_id, 80)));
  end if;
  return v_key;
end
$$;
