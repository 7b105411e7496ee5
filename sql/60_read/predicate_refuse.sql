create or replace function ablo.predicate_refuse(
  p_model ablo.model, p_node jsonb, p_message text, p_code text default 'invalid_request'
) returns void
language plpgsql stable
as $$
  -- Refuse a part of a predicate; the message shows at most 60 characters of it.
  -- Called by: ablo.predicate_sql, ablo.operand_sql, ablo.comparison_sql. Raises: p_code.
begin
  perform ablo.raise_error(p_code,
    format('the filter of %s is refused at %s: %s', p_model.key, left(coalesce(p_node::text, 'nothing'), 60), p_message),
    'see "Predicates" in the docs for what a filter may contain',
    jsonb_build_object('model', p_model.key, 'field', 'where'));
end
$$;
