-- What happens to a stale operation: its own onStale, else the model's conflict policy for the kind
-- of participant that writes, else reject. Older spellings are understood: force, flag, merge.
-- Called by: ablo.commit_apply, ablo.premise_check; only where an operation carries readAt. Runs no query.
-- Raises: invalid_request.
create or replace function ablo.stale_disposition(p_on_stale text, p_model text, p_participant text) returns text
language plpgsql stable
as $$
begin
  case coalesce(p_on_stale, ablo_model.conflict(p_model, split_part(p_participant, ':', 1)), 'reject')
    when 'reject' then return 'reject';
    when 'overwrite', 'force' then return 'overwrite';
    when 'notify', 'flag', 'merge' then return 'notify';
    else
      perform ablo.raise_error('invalid_request', format('onStale cannot be %L', left(p_on_stale, 40)),
        'pass reject, overwrite or notify', jsonb_build_object('model', p_model, 'field', 'onStale'));
      return null;
  end case;
end
$$;
