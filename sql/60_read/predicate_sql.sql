create or replace function ablo.predicate_sql(p_model ablo.model, p_node jsonb, p_depth int default 1) returns text
language plpgsql stable
as $$
  -- A predicate as SQL text over alias t. p_node is a clause [field, operator, value] (ablo.filter_sql), or
  --   {"and": [node, ...]}, {"or": [node, ...]} (of none: true, false), {"not": node},
  --   {"null": operand}, {"compare": "=" "<>" "<" "<=" ">" ">=", "left": operand, "right": operand},
  --   {"like" | "ilike": pattern, "left": operand},
  --   {"contains" | "overlaps": [value, ...], "left": operand of a list}.
  -- An operand is what ablo.operand_sql reads. Text compares by code point here, whatever the column's collation.
  -- Called by: ablo.row_list, ablo.filter_match. Raises: invalid_request for another shape or more than 16 levels,
  -- column_type_mismatch, and what ablo.filter_sql raises.
declare
  v_kind text;
  v_given jsonb;
  v_left record;
  v_right record;
begin
  if p_depth > 16 then
    perform ablo.predicate_refuse(p_model, p_node, 'it is more than 16 levels deep');
  elsif jsonb_typeof(p_node) = 'array' then
    return ablo.filter_sql(p_model, p_node);
  elsif jsonb_typeof(p_node) = 'object' then
    v_kind := (select min(k) from jsonb_object_keys(p_node) k where k <> all (array['left', 'right']) having count(*) = 1);
    v_given := p_node -> v_kind;
  end if;
  if v_kind in ('and', 'or') and jsonb_typeof(v_given) = 'array' then
    return '(' || coalesce((select string_agg(ablo.predicate_sql(p_model, e, p_depth + 1), format(' %s ', v_kind))
      from jsonb_array_elements(v_given) e), (v_kind = 'and')::text) || ')';
  elsif v_kind = 'not' then
    return format('(not %s)', ablo.predicate_sql(p_model, v_given, p_depth + 1));
  elsif v_kind = 'null' then
    v_left := ablo.operand_sql(p_model, v_given, p_depth + 1);
    return format('(%s is null)', v_left.sql);
  elsif v_kind is null or p_node -> 'left' is null then
    perform ablo.predicate_refuse(p_model, p_node, 'it is of no known form');
  end if;
  v_left := ablo.operand_sql(p_model, p_node -> 'left', p_depth + 1);
  if v_kind = 'compare' then
    v_right := ablo.operand_sql(p_model, p_node -> 'right', p_depth + 1);
    return ablo.comparison_sql(p_model, p_node, v_left, v_right);
  elsif v_kind in ('like', 'ilike') and v_left.kind = 'text' and jsonb_typeof(v_given) = 'string' then
    if length(v_given #>> '{}') - length(rtrim(v_given #>> '{}', '\')) & 1 = 1 then
      perform ablo.raise_error('query_invalid_like_pattern', 'the pattern ends in an escape character',
        'double the last backslash', jsonb_build_object('model', p_model.key, 'field', 'where'));
    end if;
    return format('(%s collate %I %s %L)', v_left.sql, case v_kind when 'like' then 'C' else 'default' end, v_kind, v_given #>> '{}');
  elsif v_kind in ('contains', 'overlaps') and v_left.kind = 'json' and jsonb_typeof(v_given) = 'array' then
    return format(case v_kind when 'contains' then '(%s @> %L::jsonb)' else
      '(case when %1$s is not null then exists (select from jsonb_array_elements(case jsonb_typeof(%1$s) when ''array'' then %1$s end) e where %2$L::jsonb @> jsonb_build_array(e)) end)' end,
      v_left.sql, v_given);
  end if;
  perform ablo.predicate_refuse(p_model, p_node, format('%s does not apply to %s', v_kind, v_left.kind));
  return null;
end
$$;
