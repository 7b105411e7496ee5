-- What happens to a stale operation: its own onStale, else the model's conflict policy for the kind
-- of participant that writes, else reject. Older spellings are understood: force, flag, merge.
-- Called by: ablo.commit_apply, ablo.premise_check; only where an operation carries readAt.
-- Raises: write_options_invalid as invalid_request.
create or replace function ablo.stale_disposition(p_on_stale text, p_model text) returns text
language plpgsql stable
as $$
declare
  v_disposition text := p_on_stale;
begin
  if v_disposition is null then
    select m.conflict ->> current_setting('app.current_participant_kind', true) into v_disposition
      from ablo.model m where m.typename = p_model;
  end if;
  case coalesce(v_disposition, 'reject')
    when 'reject' then return 'reject';
    when 'overwrite', 'force' then return 'overwrite';
    when 'notify', 'flag', 'merge' then return 'notify';
    else
      perform ablo.raise_error('invalid_request', format('onStale cannot be %L', left(v_disposition, 40)),
        'pass reject, overwrite or notify', jsonb_build_object('model', p_model, 'field', 'onStale'));
      return null;
  end case;
end
$$;
