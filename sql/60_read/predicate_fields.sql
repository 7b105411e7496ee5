create or replace function ablo.predicate_fields(p_node jsonb) returns setof text
language plpgsql immutable
as $$
  -- The names of the fields that a predicate reads, as it spells them.
  -- Called by: ablo.filter_match, before ablo.predicate_sql checks the shape.
begin
  if jsonb_typeof(p_node) = 'array' then
    return next p_node ->> 0;
  elsif jsonb_typeof(p_node) = 'object' then
    return query select p_node ->> 'field' where p_node ? 'field';
    return query select f from jsonb_each(p_node) n, jsonb_array_elements(case jsonb_typeof(n.value) when 'array' then n.value end) e,
      ablo.predicate_fields(e) f where n.key in ('and', 'or', 'args');
    return query select f from jsonb_each(p_node) n, ablo.predicate_fields(n.value) f
      where n.key in ('not', 'null', 'left', 'right');
  end if;
end
$$;
