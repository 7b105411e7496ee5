create or replace function ablo.permission_refuse(p_model text, p_event text, p_id text) returns void
language plpgsql stable
as $$
  -- Refuse a change that the model's permissions do not give its writer. The writer can see the row, or makes it.
  -- p_event: INSERT, UPDATE or DELETE.
  -- Called by: guard triggers of models with permissions. Raises: permission_denied.
declare
  v_verb text := case p_event when 'INSERT' then 'create' else lower(p_event) end;
begin
  perform ablo.raise_error('permission_denied',
    format('%s %s: its permissions do not let this participant %s it so', p_model, quote_nullable(left(p_id, 80)), v_verb),
    'see allow(...) in the schema: what may be written, before and after the change',
    jsonb_build_object('model', p_model, 'id', p_id, 'operation', v_verb));
end
$$;
