-- The Postgres type of a field type. Called by: filters.
create or replace function ablo.field_type_sql(p_type text) returns text
language sql immutable parallel safe
as $$
  select case p_type
    when 'string' then 'text'
    when 'enum' then 'text'
    when 'integer' then 'bigint'
    when 'number' then 'double precision'
    when 'boolean' then 'boolean'
    when 'decimal' then 'numeric'
    when 'datetime' then 'timestamptz'
    when 'date' then 'date'
    when 'uuid' then 'uuid'
    else 'jsonb'
  end
$$;
