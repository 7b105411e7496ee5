create or replace function ablo.sight_register(p_schema json, p_models jsonb) returns void
language plpgsql volatile
as $$
  -- Record the identity roles and grants of a schema that becomes active. If roles or, with roles, grants differ from
  -- before, what keys have read so far is out of date: streams and cursors of users and agents begin again
  -- (ablo.sight_at), open ones within seconds.
  -- Called by: ablo.schema_register. Locks: the rule. Sends: NOTIFY ablo_key.
declare
  v_old ablo.sight_rule;
  v_roles jsonb := (
    select coalesce(jsonb_agg(jsonb_build_object('kind', r ->> 'kind', 'field', coalesce(r #>> '{source,field}', r ->> 'source'),
             'multi', coalesce((r #>> '{source,multi}')::boolean, jsonb_typeof(r -> 'source') = 'string'))), '[]')
      from jsonb_array_elements(coalesce(p_schema::jsonb -> 'identityRoles', '[]')) r);
  v_grants jsonb := (
    select coalesce(jsonb_object_agg(m ->> 'typename', m -> 'grants'), '{}') from jsonb_array_elements(p_models) m
     where m ? 'grants');
begin
  select * into v_old from ablo.sight_rule for update;
  if v_old.roles <> v_roles or v_old.grants <> v_grants then
    update ablo.sight_rule set roles = v_roles, grants = v_grants;
    if v_old.roles <> v_roles or v_roles <> '[]' then
      update ablo.sight_rule set since = coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
      perform pg_notify('ablo_key', '');  -- relays check all keys
    end if;
  end if;
end
$$;
