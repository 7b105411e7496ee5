create or replace function ablo.key_outside(p_capability_id text, p_subject text, p_id text) returns void
language plpgsql volatile
as $$
  -- Refuse what is in none of a key's sync groups, with the same error as for what does not exist. Without a key:
  -- what the participant may not read.
  -- Called by: ablo.key_check_operation, ablo.key_check_reads, ablo.key_check_claim. Raises:
  -- capability_scope_denied.
begin
  perform ablo.raise_error('capability_scope_denied',
    format(case when p_capability_id is null then '%s may not be read by this participant, or does not exist'
        else '%s is in none of the sync groups of the key, may not be read by its participant, or does not exist' end,
      left(concat_ws(' ', p_subject, quote_literal(p_id)), 120)),
    case when p_capability_id is null then 'refer to a row that this participant can read'
      else 'use a key whose sync groups include it; a premise on a filter needs a key without sync groups' end,
    jsonb_strip_nulls(jsonb_build_object('model', left(p_subject, 80), 'id', left(p_id, 80))));
end
$$;
