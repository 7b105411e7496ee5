create or replace function ablo.models_closed() returns text[]
language sql stable
as $$
  -- The typenames of models that limited reading (of rows or fields) when a schema last had them, and that the active one does not have:
  -- what is left of them, in the log and in claims, is shown to no participant.
  -- Called by: ablo.permissions_end, ablo.schema_active. Reads every version of the schema.
  select coalesce(array_agg(x.typename order by x.typename), '{}')
    from (select distinct on (m.value ->> 'typename') m.value ->> 'typename' as typename, s.active,
                 m.value -> 'permissions' as permissions
            from ablo.schema_version s, json_each(s.schema -> 'models') m
           order by m.value ->> 'typename', s.version desc) x
   where not x.active
     and exists (select from json_array_elements(x.permissions) p where p ->> 'name' ~ '^read(\.|$)')
$$;
