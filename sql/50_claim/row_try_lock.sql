create or replace function ablo.row_try_lock(p_organization text, p_model text, p_row_id text, p_wait text)
returns boolean
language plpgsql volatile
as $$
  -- Lock a row, waiting at most p_wait: true if no other session can change it now (a missing row is locked
  -- against its creation), false if a writer has it. A claim routine holds its target meanwhile, so this wait is
  -- short: a writer that waits for the target is not blocked by it.
  -- Called by: ablo.claim_token. Locks: the row, or the creation key of a missing one.
declare
  v_timeout text := current_setting('lock_timeout');
  v_done text;
begin
  v_done := set_config('lock_timeout', p_wait, true);  -- here: undone with the block
  if not ablo_model.lock(p_model, p_row_id) then
    perform pg_advisory_xact_lock(ablo.creation_key(p_organization, p_model, p_row_id));
    perform ablo_model.lock(p_model, p_row_id);
  end if;
  v_done := set_config('lock_timeout', v_timeout, true);
  return true;
exception when lock_not_available then
  return false;
end
$$;
