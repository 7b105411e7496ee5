create or replace function ablo.permission_refuse(p_model text, p_event text, p_id text, p_field text default null)
returns void
language plpgsql stable
as $$
  -- Refuse a change that the model's permissions do not give its writer. The writer can see the row, or makes it.
  -- p_event: INSERT, UPDATE or DELETE. p_field: the JSON name of a field that it may not write.
  -- Called by: guard triggers of models with permissions. Raises: permission_denied.
declare
  v_verb text := case p_event when 'INSERT' then 'create' else lower(p_event) end;
begin
  perform ablo.raise_error('permission_denied',
    format('%s %s: its permissions do not let this participant %s it so%s', p_model, quote_nullable(left(p_id, 80)), v_verb,
      ': ' || p_field),
    case when p_field is null then 'see allow(...) in the schema: what may be written, before and after the change'
      else 'leave the field out, or see field(write=...) in the schema' end,
    jsonb_strip_nulls(jsonb_build_object('model', p_model, 'id', p_id, 'operation', v_verb, 'field', p_field)));
end
$$;
