create or replace function ablo.presence_meta(p_organization text, p_key ablo.key_rights, p_meta jsonb) returns jsonb
language sql immutable
as $$
  -- A participant's meta, as a key may see it: of the sync groups that it follows only the key's own.
  -- Called by: ablo.presence_list.
  select case
    when p_key.sync_groups is null or jsonb_typeof(p_meta -> 'syncGroups') is null then p_meta
    when jsonb_typeof(p_meta -> 'syncGroups') <> 'array' then p_meta - 'syncGroups'
    else p_meta || jsonb_build_object('syncGroups', coalesce((
      select jsonb_agg(g) from jsonb_array_elements(p_meta -> 'syncGroups') g
       where g #>> '{}' = any (p_key.sync_groups)), '[]')) end
$$;
