create or replace function ablo.claim_model(p_model text, p_id text) returns ablo.model
language plpgsql stable
as $$
  -- The model of a claim.
  -- Called by: claim routines that name a row. Raises: server_execute_unknown_model, invalid_id.
declare
  v_model ablo.model := ablo.read_model(p_model);
begin
  if coalesce(p_id, '') = '' or octet_length(p_id) > 255 then
    perform ablo.raise_error('invalid_id', format('%s: %s is not an id', v_model.key, quote_nullable(left(p_id, 40))),
      'name the row by its id, at most 255 bytes', jsonb_build_object('model', v_model.key, 'field', 'id'));
  end if;
  return v_model;
end
$$;
