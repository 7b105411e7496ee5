create or replace function ablo.operand_sql(p_model ablo.model, p_node jsonb, p_depth int, out sql text, out kind text, out literal text)
language plpgsql stable
as $$
  -- One side of a comparison as SQL text over alias t, and its kind: text, integer, decimal, number, boolean,
  -- datetime, date, uuid or json; for a literal text, integer, decimal or boolean, and `literal`. Nothing that is rendered can fail
  -- on a row: whole numbers are calculated as numeric, division by zero gives null, floats are only compared.
  --   {"field": name}, {"value": text, whole number or boolean}, {"decimal": text}, {"now": true},
  --   {"call": name, "args": [operand, ...]}: lower upper (text), length (text), abs (a number), coalesce (any of one
  --   kind; integers with decimals or numbers), + - * % (integer, decimal), / (integer), ->> (json, literal text), + - (datetime, {"seconds": number}).
  -- Called by: ablo.predicate_sql. Raises: invalid_request, column_type_mismatch, query_invalid_identifier.
declare
  v_field ablo.field;
  v_call text := p_node ->> 'call';
  v_args text[] := '{}';
  v_kinds text[] := '{}';
  v_arg record;
  v_value jsonb := p_node -> 'value';
begin
  if p_depth > 16 then
    perform ablo.predicate_refuse(p_model, p_node, 'it is more than 16 levels deep');
  elsif p_node ? 'field' then
    v_field := ablo.field_find(p_model, p_node ->> 'field');
    kind := case v_field.type when 'string' then 'text' when 'enum' then 'text' else v_field.type end;
    sql := format(case kind when 'text' then 't.%I::text' when 'uuid' then 't.%I::text::uuid' when 'json' then 'to_jsonb(t.%I)'
      when 'integer' then 't.%I::bigint' when 'decimal' then 't.%I::numeric' when 'datetime' then 't.%I::timestamptz'
      when 'number' then 't.%I::text::double precision' else 't.%I' end, v_field.column_name);
  elsif p_node ? 'value' then
    literal := v_value #>> '{}';
    kind := case jsonb_typeof(v_value) when 'string' then 'text' when 'boolean' then 'boolean'
      when 'number' then case when ablo.text_is(literal, 'bigint') then 'integer' end end;
    sql := format('%L::%s', literal, replace(kind, 'integer', 'bigint'));
  elsif ablo.text_is(p_node ->> 'decimal', 'numeric') and length(p_node ->> 'decimal') <= 400 then
    literal := p_node ->> 'decimal';
    kind := 'decimal';
    sql := format('%L::numeric', literal);
  elsif p_node ? 'now' then
    kind := 'datetime';
    sql := 'transaction_timestamp()';
  elsif jsonb_typeof(p_node -> 'seconds') = 'number' and abs((p_node ->> 'seconds')::numeric) <= 1e10 then
    kind := 'interval';
    sql := format('make_interval(secs => %s)', p_node ->> 'seconds');
  elsif jsonb_typeof(p_node -> 'args') = 'array' then
    for v_arg in select o.* from jsonb_array_elements(p_node -> 'args') e, ablo.operand_sql(p_model, e, p_depth + 1) o loop
      v_args := v_args || v_arg.sql;
      v_kinds := v_kinds || v_arg.kind;
    end loop;
    kind := case
      when v_call in ('lower', 'upper') and v_kinds = '{text}' then 'text'
      when v_call = 'length' and v_kinds = '{text}' then 'integer'
      when v_call = 'abs' and v_kinds <@ '{decimal,number}' and cardinality(v_kinds) = 1 then v_kinds[1]
      when v_call = 'abs' and v_kinds = '{integer}' then 'decimal'
      when v_call = 'coalesce' and v_kinds <@ v_kinds[1:1] and v_kinds[1] <> 'interval' then v_kinds[1]
      when v_call = 'coalesce' and v_kinds <@ '{integer,decimal}' then 'decimal'
      when v_call = 'coalesce' and v_kinds <@ '{integer,number}' then 'number'
      when v_call in ('+', '-', '*', '%') and v_kinds <@ '{integer,decimal}' and cardinality(v_kinds) = 2 then 'decimal'
      when v_call = '/' and v_kinds = '{integer,integer}' then 'decimal'
      when v_call in ('+', '-') and v_kinds = '{datetime,interval}' then 'datetime'
      when v_call = '->>' and v_kinds = '{json,text}' then 'text' end;
    sql := case
      when v_call in ('lower', 'upper') then format('%s(%s collate "default")', v_call, v_args[1])
      when v_call in ('length', 'coalesce') then format('%s(%s)', v_call, array_to_string(v_args, ', '))
      when v_call = 'abs' then format('abs(%s%s)', v_args[1], case when v_kinds = '{integer}' then '::numeric' end)
      when v_call = '/' then format('div(%s::numeric, nullif(%s, 0)::numeric)', v_args[1], v_args[2])
      when v_call = '%' then format('(%s::numeric %% nullif(%s, 0)::numeric)', v_args[1], v_args[2])
      when kind = 'decimal' then format('(%s::numeric %s %s::numeric)', v_args[1], v_call, v_args[2])
      else format('(%s %s %s)', v_args[1], v_call, v_args[2]) end;
  end if;
  if kind is null then
    perform ablo.predicate_refuse(p_model, p_node,
      case when v_call is null then 'it is not an operand' else format('%s cannot take (%s)', v_call, array_to_string(v_kinds, ', ')) end,
      case when v_call is null then 'invalid_request' else 'column_type_mismatch' end);
  end if;
end
$$;
