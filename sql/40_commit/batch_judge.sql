create or replace function ablo.batch_judge(p_organization text, p_commits jsonb) returns ablo.batch_operation[]
language plpgsql volatile
as $$
  -- The operations of those commits of a batch that are plain, in order, by one statement. Plain: nothing but
  -- operations of known keys, on models without a conflict policy for this writer, each the first of the batch on its
  -- row and under its key; no receipt, track, claim or newer delta in the way; a key only without limits. The other
  -- commits are left to ablo.commit_run, which says what is wrong with them, if anything is.
  -- Called by: ablo.batch_apply, with the order lock held: no other transaction can commit a change of this
  -- organization's rows, so what is read here holds. Claims are the exception: ablo.batch_write looks again.
  -- Locks: idempotency keys and creation keys, tried only.
declare
  v_head bigint := coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
  v_dropped bigint;
  v_tracks boolean;
  v_claims boolean;
  v_shared boolean;
  v_operations ablo.batch_operation[];
begin
  select s.dropped_through, exists (select from ablo.track t where t.organization_id = p_organization),
         exists (select from ablo.model m where m.id_shared),
         exists (select from ablo.claim c where c.organization_id = p_organization and c.status = 'active')
    into v_dropped, v_tracks, v_shared, v_claims from ablo.log_state s;
  -- Rows and keys are compared by a hash, which sorts fast: of two with one hash the second is left out.
  -- A row is one operation, without its request: the windows below keep all rows.
  -- Each probe is a scalar subquery with LIMIT 1: of an EXISTS the planner makes a hash of the whole organization.
  select array_agg(row(c, model, action, id, data, transaction, participant, key, hash, behalf, capability, transport,
                       with_rows)::ablo.batch_operation)
    into v_operations
    from (
      select j.*, bool_and(good) over (partition by c) as all_good
        from (
          select f.*,
                 case when fits and first_on_row and first_under_key = c then
                   (not v_claims or (select true from ablo.claim x
                     where x.organization_id = p_organization and x.model = f.model and x.row_id = f.id
                       and x.status = 'active' limit 1) is null)
                   and (read_at is null or read_at between v_dropped and v_head and read_at % 1 = 0
                     and (select true from ablo.delta x
                           where x.organization_id = p_organization and x.model = f.model and x.row_id = f.id
                             and x.sync_id > read_at::bigint limit 1) is null)
                   and (action <> 'create'
                     or pg_try_advisory_xact_lock_shared(ablo.creation_key(p_organization, model, id)))
                   and (m > 1 or pg_try_advisory_xact_lock(lock)
                     and (select true from ablo.receipt x
                           where x.organization_id = p_organization and x.participant = f.participant and x.key = f.key
                           limit 1) is null
                     and (not v_tracks or (select true from ablo.track x
                           where x.organization_id = p_organization and x.participant = f.participant limit 1) is null))
                 end is true as good
            from (
              select o.*, item ->> 'transactionId' as transaction,
                     case when action = any (array['create', 'update']) then coalesce(nullif(item -> 'data', 'null'), '{}')
                       else '{}' end as data,
                     case when jsonb_typeof(item -> 'readAt') = 'number' then (item ->> 'readAt')::numeric end as read_at,
                     row_number() over (partition by hashtextextended(model || e'\x1f' || id, 0) order by c, m) = 1 as first_on_row,
                     min(c) over (partition by lock) as first_under_key,
                     case when jsonb_typeof(item) = 'object' then
                       item - array['action', 'model', 'id', 'data', 'readAt', 'transactionId'] = '{}'
                       and action = any (array['create', 'update', 'delete', 'archive', 'unarchive'])
                       and id is not null and ablo_model.setwise(model)
                       and coalesce(jsonb_typeof(item -> 'data'), 'null') = any (array['object', 'null'])
                       and coalesce(jsonb_typeof(item -> 'readAt'), 'null') = any (array['number', 'null'])
                       and bare
                       and split_part(participant, ':', 1) = any (array['user', 'agent', 'system'])
                       and participant like '%:_%'
                       and length(key) between 1 and 255
                       and ablo.text_fits(concat_ws('', participant, key, behalf))
                       and (coalesce(behalf, '') = '' or behalf ~ '^(user|agent|system):.')
                       and (transport is null or not v_shared)
                       and ablo_model.conflict(model, split_part(participant, ':', 1)) is null
                       and (capability is null or (select true from ablo.api_key k
                             where k.id = capability and k.organization_id = p_organization
                               and k.participant = o.participant and k.operations is null and k.sync_groups is null
                               and (not ablo_model.roles() or k.prefix = 'sk' or k.participant like 'system:%')
                               and ablo.key_status(k) = 'live' limit 1))
                     end is true as fits
                from (
                  select e.c, e.participant, e.key, e.lock, e.behalf, e.capability, e.transport, e.hash, e.with_rows, e.bare,
                         coalesce(z.m, 1) as m, z.item, z.item ->> 'id' as id, lower(z.item ->> 'action') as action,
                         ablo_model.resolve(z.item ->> 'model') as model
                    from (
                      select n as c, x ->> 'participant' as participant, x ->> 'key' as key,
                             ablo.idempotency_key(p_organization, x ->> 'participant', x ->> 'key') as lock,
                             x ->> 'onBehalfOf' as behalf, x ->> 'capabilityId' as capability,
                             x ->> 'transport' as transport, ablo.request_hash(x -> 'request') as hash,
                             x #> '{request,returning}' = 'true' as with_rows,
                             case when jsonb_typeof(x -> 'request') = 'object' then
                               (x -> 'request') - array['operations', 'returning'] = '{}' end as bare,
                             x #> '{request,operations}' as operations
                        from jsonb_array_elements(p_commits) with ordinality a (x, n) offset 0) e
                    left join lateral jsonb_array_elements(
                      case when e.bare and jsonb_typeof(e.operations) = 'array' then
                        case when jsonb_array_length(e.operations) <= 500 then e.operations end
                      end) with ordinality z (item, m) on true
                  offset 0) o
              offset 0) f
          offset 0) j
      order by c, m) p
   where all_good;
  return v_operations;
end
$$;
