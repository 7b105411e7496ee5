create or replace function ablo.comparison_sql(p_model ablo.model, p_node jsonb, p_left record, p_right record) returns text
language plpgsql stable
as $$
  -- Two operands compared, as SQL text; see ablo.operand_sql. A literal text next to a datetime, date or uuid is read
  -- as one, a literal decimal or an integer next to a number as a float. Text compares by code point, a boolean only
  -- with = and <>.
  -- Called by: ablo.predicate_sql. Raises: query_unsupported_operator, column_type_mismatch.
declare
  v_operator text := p_node ->> 'compare';
  v_kind text := p_left.kind;
  v_type text;
begin
  if v_operator is null or v_operator <> all (array['=', '<>', '<', '<=', '>', '>=']) then
    perform ablo.predicate_refuse(p_model, p_node, format('there is no comparison %s', quote_nullable(left(v_operator, 20))),
      'query_unsupported_operator');
  end if;
  if p_left.kind <> p_right.kind then
    v_kind := case
      when p_left.kind in ('integer', 'decimal') and p_right.kind in ('integer', 'decimal') then 'decimal'
      when p_left.kind in ('integer', 'number') and p_right.kind in ('integer', 'number') then 'number'
      when p_right.literal is not null and ablo.kind_reads(p_left.kind, p_right.kind) then p_left.kind
      when p_left.literal is not null and ablo.kind_reads(p_right.kind, p_left.kind) then p_right.kind end;
  end if;
  v_type := case v_kind when 'datetime' then 'timestamptz' when 'decimal' then 'numeric' when 'integer' then 'bigint'
    when 'number' then 'double precision' else v_kind end;
  if v_kind is null or v_kind in ('json', 'interval') or v_kind = 'boolean' and v_operator not in ('=', '<>')
    or not ablo.text_is(case when v_kind = p_left.kind then p_right.literal else p_left.literal end, v_type)
  then
    perform ablo.predicate_refuse(p_model, p_node, format('%s %s %s compares nothing', p_left.kind, v_operator, p_right.kind),
      'column_type_mismatch');
  elsif v_kind = 'text' then
    return format('(%s collate "C" %s %s collate "C")', p_left.sql, v_operator, p_right.sql);
  end if;
  return format('(%s::%s %s %s::%s)', p_left.sql, v_type, v_operator, p_right.sql, v_type);
end
$$;

-- Whether a literal of one kind is read as another next to it. Called by: ablo.comparison_sql.
create or replace function ablo.kind_reads(p_kind text, p_literal text) returns boolean
language sql immutable
as $$
  select p_kind in ('datetime', 'date', 'uuid') and p_literal = 'text' or p_kind = 'number' and p_literal = 'decimal';
$$;
