create or replace function ablo.operation_notification(
  p_organization text,
  p_participant text,
  p_operation jsonb,
  p_model text,
  p_action text,
  p_id text,
  p_policy text,
  p_before bigint
) returns jsonb
language plpgsql volatile
as $$
  -- The notification for an operation that is not applied: another participant has claimed what it touches and
  -- the model's policy for this kind of writer is notify, or it is stale and onStale (else the policy) is notify.
  -- With p_policy flag, that of a stale operation that lands anyway. Null if nothing prevents it. Locks the row
  -- first: from then on no other writer can change or claim it. p_before: newer deltas in the log are the
  -- commit's own, and prevent nothing.
  -- Called by: ablo.commit_apply.
declare
  v_stale record;
  v_holder text;
  v_since bigint;  -- the writer's own claim, if it has one: what it wrote since does not count
begin
  if not ablo_model.sees(p_model, null, null, null) and not ablo.row_seen(p_organization, ablo.key_acting(), p_model, p_id) then
    return null;  -- the write says that there is no such row
  end if;
  if p_action = 'create' then
    perform pg_advisory_xact_lock_shared(ablo.creation_key(p_organization, p_model, p_id));
  else
    perform ablo_model.lock(p_model, p_id);
  end if;
  if p_policy = 'notify' then
    v_holder := ablo.claim_holders(p_organization, p_model, p_id, ablo.operation_parts(p_operation), p_participant)
      -> 0 ->> 'heldBy';
  end if;
  if v_holder is not null then
    select v_holder as actor, ablo.row_stamp(p_organization, p_model, p_id) as sync_id,
           ablo.row_shown(p_model, ablo_model.read(p_model, p_id)) as "row" into v_stale;
  elsif p_operation ->> 'readAt' is not null
    and ablo.stale_word(coalesce(p_operation ->> 'onStale', p_policy)) = (case p_policy when 'flag' then 'flag' else 'notify' end)
  then
    select c.read_at into v_since from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_id
       and c.status = 'active' and c.expires_at > clock_timestamp() and c.participant = p_participant
     order by c.ticket limit 1;
    v_stale := ablo.premise_stale(p_organization, p_model, p_id, p_operation -> 'readAt', null, p_before,
                                  case when v_since is not null then p_participant end, v_since);
  else
    return null;
  end if;
  if v_stale.sync_id is null then
    return null;
  end if;
  return ablo.stale_notification(
    jsonb_build_object('scope', 'row', 'target', jsonb_build_object('model', p_operation ->> 'model', 'id', p_id),
      'currentValues', coalesce(v_stale."row"::jsonb, '{}')),
    p_operation -> 'readAt', v_stale.sync_id, v_stale.actor);
end
$$;
