create or replace function ablo.aggregate_operand(
  p_model ablo.model, p_how text, p_name text, out sql text, out kind text, out wire text
)
language plpgsql stable
as $$
  -- A field that rows are grouped by (p_how: groupBy) or that is aggregated (sum, min, max), as SQL over alias t; its
  -- kind, and its JSON name. Called by: ablo.row_aggregate. Raises: query_invalid_identifier, invalid_request.
declare
  v_operand record := ablo.operand_sql(p_model, jsonb_build_object('field', p_name), 0);
begin
  sql := v_operand.sql;
  kind := v_operand.kind;
  wire := (ablo.field_find(p_model, p_name)).wire;
  if kind <> all (case p_how
      when 'sum' then '{integer,decimal,number}'
      when 'groupBy' then '{text,integer,decimal,boolean,datetime,date,uuid}'
      else '{text,integer,decimal,number,datetime,date}' end::text[]) then
    perform ablo.raise_error('invalid_request', format('%s cannot take %s.%s, which is %s', p_how, p_model.key, wire, kind),
      'name a field of another type', jsonb_build_object('model', p_model.key, 'field', wire));
  end if;
end
$$;
