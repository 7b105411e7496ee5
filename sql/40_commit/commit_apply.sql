create or replace function ablo.commit_apply(
  p_organization text,
  p_participant text,
  p_request jsonb,
  p_before bigint,
  p_key ablo.key_rights,
  p_transport text,
  out applied int,
  out notifications jsonb,
  out missing text[],
  out guarded boolean,
  out made jsonb
)
language plpgsql volatile
as $$
  -- Apply the operations of a commit, in order. An operation that is stale under onStale = notify, or whose row
  -- is claimed by another participant while the model's policy is notify, is not applied: its row is locked
  -- first, so the check still holds at the commit point. Under onStale = flag it lands, and a notification
  -- reports that it was stale. A guarded operation on a row that the same commit has written already is refused,
  -- since it cannot have read what it would overwrite. Claims are checked after the write, under the row's lock
  -- (ablo.claim_guard). p_before: newer deltas in the log are this commit's own. Returns how many were applied,
  -- the notifications of those not applied, the ids that a delete missed, whether any operation has a read
  -- position, and the ids of rows that were created without one, by the operation's index. p_key: the key of the
  -- commit, or a null record. p_transport: see ablo.commit. A plain operation passes few expressions, since each
  -- one that runs is set up again in each transaction.
  -- Called by: ablo.commit_run. Locks: rows, as the operations touch them. Raises: invalid_id,
  -- capability_scope_denied, server_execute_unknown_model, commit_operation_*, entity_not_found, entity_claimed,
  -- claim_lost, fence_token_stale, and the errors of the model's write function.
declare
  v_operations jsonb := coalesce(nullif(p_request -> 'operations', 'null'), '[]');
  v_count int := jsonb_array_length(v_operations);
  v_transactions jsonb;
  v_operation jsonb;
  v_notification jsonb;
  v_action text;
  v_model text;
  v_id text;
  v_policy text;
  v_word text;
  v_written text[];
  v_claimed boolean;
  v_done text;
  v_limits boolean := not ablo_model.sees(null, null, null, null);
  v_shared boolean := false;
  v_plain boolean;  -- an update that names no more than its row, its data and its read position
begin
  applied := 0;
  guarded := false;
  if p_transport is not null then
    v_shared := exists (select from ablo.model m where m.id_shared);
  end if;
  for v_index in 0 .. v_count - 1 loop
    v_operation := v_operations -> v_index;
    v_action := lower(v_operation ->> 'action');
    v_id := v_operation ->> 'id';
    v_model := ablo_model.resolve(v_operation ->> 'model');
    v_plain := v_action = 'update' and v_id is not null and v_model is not null
      and v_operation - array['action', 'model', 'id', 'data', 'readAt'] = '{}';
    if v_plain is not true then
      if v_id is null and v_action = 'create' and v_model is not null then
        v_id := ablo.id_next(v_model);
        if v_id is not null then
          v_operation := v_operation || jsonb_build_object('id', v_id);
          made := coalesce(made, '{}') || jsonb_build_object(v_index, v_id);
        end if;
      elsif v_action = 'create' and p_transport is not null then
        v_done := ablo.id_chosen(v_model, v_id);
      end if;
      if v_model is null or v_id is null
        or v_action is null or v_action not in ('create', 'update', 'delete', 'archive', 'unarchive')
      then
        perform ablo.operation_refuse(v_operation, v_index);
      end if;
      if v_operation ->> 'transactionId' is not null then
        v_transactions := coalesce(v_transactions, '{}')
          || jsonb_build_object(v_model || ':' || v_id, v_operation ->> 'transactionId');
        perform set_config('ablo.transaction_ids', v_transactions::text, true);
      end if;
    end if;
    guarded := guarded or v_operation ->> 'readAt' is not null;
    if p_key.sync_groups is not null then
      v_done := ablo.key_check_operation(p_organization, p_key, v_model, v_action, v_operation, false);
    end if;
    if v_limits and p_key.sync_groups is null and v_action in ('create', 'update') then
      v_done := ablo.key_check_references(p_organization, ablo.key_acting(), v_model, v_id, v_operation -> 'data');
    end if;
    if v_shared and v_action in ('create', 'update') then
      v_done := ablo.reference_check(p_organization, v_model, v_id, v_operation -> 'data', false);
    end if;
    v_policy := ablo.stale_word(ablo_model.conflict(v_model, split_part(p_participant, ':', 1)));
    if v_plain is not true or v_policy is not null or v_count > 1 then
      if v_operation ->> 'claimId' is not null then
        perform ablo.claim_named(p_organization, p_participant, v_model, v_id, v_operation ->> 'claimId');
      end if;
      v_word := case when v_operation ->> 'readAt' is not null then ablo.stale_word(v_operation ->> 'onStale') end;
      if v_policy = 'notify' or v_word = 'notify' then
        v_notification := ablo.operation_notification(p_organization, p_participant, v_operation, v_model, v_action, v_id,
                                                      v_policy, p_before);
        if v_notification is not null then
          notifications := coalesce(notifications, '[]') || v_notification;
          continue;
        end if;
      end if;
      if v_written is not null and v_operation ->> 'readAt' is not null and v_model || ':' || v_id = any (v_written)
        and ablo.claim_of(v_model, v_id) is null
      then
        perform ablo.operation_again(p_participant, v_operation, v_model, v_index);
      end if;
      if v_word = 'flag' then
        v_notification := ablo.operation_notification(p_organization, p_participant, v_operation, v_model, v_action, v_id,
                                                      'flag', p_before);
        notifications := case when v_notification is null then notifications else coalesce(notifications, '[]') || v_notification end;
      end if;
      if v_action = 'create' then
        v_done := pg_advisory_xact_lock_shared(ablo.creation_key(p_organization, v_model, v_id));
      end if;
    end if;
    if ablo_model.write(v_model, v_action, v_id, coalesce(nullif(v_operation -> 'data', 'null'), '{}')) then
      applied := applied + 1;
      if p_key.sync_groups is not null and v_action <> 'delete' then
        v_done := ablo.key_check_operation(p_organization, p_key, v_model, v_action, v_operation, true);
      end if;
      if v_count > 1 then
        v_written := v_written || (v_model || ':' || v_id);
      end if;
      select true into v_claimed from ablo.claim c
       where c.organization_id = p_organization and c.model = v_model and c.row_id = v_id and c.status = 'active'
       limit 1;
      if v_claimed or v_operation ?| array['claimId', 'fenceToken'] then
        perform ablo.claim_guard(p_organization, p_participant, v_model, v_id, v_operation, v_policy, p_before);
      end if;
    elsif v_action = 'delete' then
      missing := missing || v_id;
    else
      perform ablo.raise_error('entity_not_found',
        format('%s %L does not exist', v_operation ->> 'model', left(v_id, 80)),
        'create it, or read it again: it may have been deleted',
        jsonb_build_object('model', v_operation ->> 'model', 'id', v_id, 'operation', v_index));
    end if;
  end loop;
  if v_shared then
    perform ablo.reference_check(p_organization, ablo_model.resolve(o ->> 'model'), o ->> 'id', o -> 'data', true)
      from jsonb_array_elements(v_operations) o
     where lower(o ->> 'action') in ('create', 'update');
  end if;
end
$$;
