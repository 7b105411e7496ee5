create or replace function ablo.row_shown(p_model text, p_row json) returns json
language plpgsql stable
as $$
  -- A row's JSON as the acting participant may read it: null in place of fields that it may not.
  -- Called by: ablo.row_read, ablo.claim_answer, ablo.operation_notification, which have set who acts. p_model: its
  -- typename.
declare
  v_hidden text[] := ablo_model.hidden(p_model, current_setting('app.current_participant_id', true));
begin
  if v_hidden is null then  -- nearly always, and ablo.row_without cannot be inlined: it takes 50 us
    return p_row;
  end if;
  return ablo.row_without(p_row, v_hidden);
end
$$;
