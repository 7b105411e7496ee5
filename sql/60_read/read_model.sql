create or replace function ablo.read_model(p_organization text, p_participant text, p_model text)
returns ablo.model
language plpgsql stable
as $$
  -- Set the reader's identity and look its model up. Called by: the read routines.
  -- Raises: identity_missing_organization, invalid_participant_kind, server_execute_unknown_model.
declare
  v_model ablo.model;
  v_done text := ablo.identity_set(p_organization, p_participant);
begin
  select * into v_model from ablo.model m where m.typename = ablo_model.resolve(p_model);
  if v_model.typename is null then
    perform ablo.model_unknown(p_model);
  end if;
  return v_model;
end
$$;
