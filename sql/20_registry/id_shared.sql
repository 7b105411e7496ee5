create or replace function ablo.id_shared(p_definition jsonb) returns boolean
language sql stable
as $$
  -- Whether ids of a table are unique across organizations: a unique index is on its id column alone. This is the
  -- case in most adopted tables; in those that we create, the organization comes first in every key.
  -- Called by: ablo.schema_register, with the model's definition. Locks: none.
  select p_definition ->> 'orgColumn' is not null and exists (
    select from jsonb_array_elements(p_definition -> 'fields') f
      join pg_catalog.pg_attribute a
        on a.attrelid = to_regclass(format('%I.%I', p_definition ->> 'tableSchema', p_definition ->> 'table'))
       and a.attname = f ->> 'column' and not a.attisdropped
      join pg_catalog.pg_index i
        on i.indrelid = a.attrelid and i.indisunique and i.indnkeyatts = 1 and i.indkey[0] = a.attnum and i.indpred is null
     where f ->> 'wire' = 'id')
$$;
