create or replace function ablo.undo_row(
  p_organization text, p_model ablo.model, p_id text, p_sync_ids bigint[], p_key ablo.key_rights,
  out action text,      -- create, update or delete; null: nothing of the row can or need be undone
  out data jsonb,       -- what it writes, by wire name
  out archived boolean, -- whether the row must be archived (true) or unarchived (false) besides; null: neither
  out head bigint,      -- the row's last change: what the plan rests on
  out made_at text,     -- when the row was created, for the order among them
  out rest jsonb        -- what is left: {reason, fields?, by?, syncId?}; null: nothing
)
language plpgsql stable
set enable_sort = off  -- as in ablo.row_history
set enable_bitmapscan = off
as $$
  -- How to undo some changes of one row, given by their sync ids: its changes are walked from the newest to the
  -- oldest of these. A field gets the value from before the last unbroken run of those changes; one that others
  -- changed later is left. The delta has what a change replaced, or, if the model keeps no `before`, the one before it.
  -- Reasons: changed (by others, later), deleted (by others), recreated (under the same id), unknown (the log does
  -- not say what was before, or not to this caller).
  -- Called by: ablo.undo_plan. Locks: none. Raises: nothing.
declare
  v_base constant text[] := array['id', 'organizationId', 'createdAt', 'updatedAt', 'createdBy'];
  v_delta record;
  v_older json;  -- the row after the change before
  v_from bigint;
  v_current json;
  v_present boolean;  -- whether the row is there, as far back as the walk has come
  v_before jsonb;
  v_field text;
  v_taken text[] := '{}';  -- fields that others changed later
  v_left text[] := '{}';
  v_by text;
  v_by_id bigint;
  v_archived_wire text;
begin
  data := '{}';
  v_archived_wire := (select f.wire from ablo.field f where f.typename = p_model.typename and f.column_name = p_model.archived_column
                       order by f.position limit 1);
  -- One change more than asked for: the one that tells what was before the oldest.
  v_from := coalesce((
    select d.sync_id from ablo.delta d
     where d.organization_id = p_organization and d.model = p_model.typename
       and (d.row_id, d.sync_id) >= (p_id, 0) and (d.row_id, d.sync_id) < (p_id, p_sync_ids[1])
     order by d.row_id desc, d.sync_id desc limit 1), p_sync_ids[1]);
  for v_delta in
    select s.*, d.sync_id as at, lead(s."row") over w as older
      from ablo.delta d cross join lateral ablo.delta_seen(p_key, d) s
     where d.organization_id = p_organization and d.model = p_model.typename
       and (d.row_id, d.sync_id) >= (p_id, v_from) and (d.row_id, d.sync_id) <= (p_id, 9223372036854775807)
    window w as (order by d.row_id desc, d.sync_id desc)
     order by d.row_id desc, d.sync_id desc
  loop
    exit when v_delta.at < p_sync_ids[1];
    if head is null then
      head := v_delta.at;
      v_current := v_delta."row";
      v_present := v_current is not null;
      if v_delta.sync_id is null then  -- not the caller's to see
        data := null;
        return;
      end if;
    end if;
    v_before := coalesce(v_delta.before, v_delta.older);
    if v_delta.at = any (p_sync_ids) and v_delta.sync_id is not null then
      if v_delta.op = 'D' then
        if v_before is null then
          rest := jsonb_build_object('reason', 'unknown', 'syncId', v_delta.at);
          exit;
        end if;
        v_present := true;
        data := v_before;
      elsif v_delta.op = 'I' then
        if v_by is not null then
          rest := jsonb_build_object('reason', 'changed', 'by', v_by, 'syncId', v_by_id);
          exit;  -- the row stays
        end if;
        v_present := false;
        data := '{}';
        v_taken := '{}';
      else
        foreach v_field in array v_delta.changed loop
          continue when v_field = any (v_base);
          if v_field = any (v_taken) then
            v_left := v_left || v_field;
          elsif v_before ? v_field then
            data := data || jsonb_build_object(v_field, v_before -> v_field);
          else
            v_taken := v_taken || v_field;
            v_left := v_left || v_field;
          end if;
        end loop;
      end if;
    else
      if v_by is null then
        v_by := v_delta.actor;
        v_by_id := v_delta.at;
      end if;
      if v_delta.sync_id is null or v_delta.op in ('D', 'I') then  -- what is older belongs to another row, which is gone
        if p_sync_ids[1] < v_delta.at then
          rest := jsonb_strip_nulls(jsonb_build_object('reason', case v_delta.op when 'I' then 'recreated' else 'deleted' end,
            'by', v_delta.actor, 'syncId', v_delta.at));
        end if;
        exit;
      end if;
      v_taken := v_taken || v_delta.changed;
    end if;
  end loop;
  if rest is null and v_left <> '{}' then
    rest := jsonb_strip_nulls(jsonb_build_object('reason', case when v_by is null then 'unknown' else 'changed' end, 'by', v_by,
      'syncId', coalesce(v_by_id, head), 'fields', (select jsonb_agg(distinct f) from unnest(v_left) f)));
  end if;
  if v_present and v_current is null then
    action := 'create';
    made_at := data ->> 'createdAt';
    archived := case when data ->> v_archived_wire is not null then true end;
  elsif v_present then
    action := 'update';
    if data ? v_archived_wire and (data ->> v_archived_wire is null) <> (v_current ->> v_archived_wire is null) then
      archived := data ->> v_archived_wire is not null;
    end if;
  elsif v_current is not null then
    action := 'delete';
    made_at := v_current ->> 'createdAt';
    data := '{}';
  end if;
  -- Today's names of today's fields; what the table sets itself, and what is so already, is not written.
  data := coalesce((
    select jsonb_object_agg(n.wire, e.value)
      from jsonb_each(data) e
      join ablo.field f on f.typename = p_model.typename and f.wire = e.key
      cross join lateral (select o.wire from ablo.field o where o.typename = f.typename and o.column_name = f.column_name
                           order by o.position limit 1) n
     where n.wire <> all (v_base) and n.wire is distinct from v_archived_wire
       and (action = 'create' or e.value is distinct from v_current::jsonb -> n.wire)), '{}');
  if action = 'update' and data = '{}' then
    action := null;
  end if;
end
$$;
