create or replace function ablo.key_check_operation(
  p_organization text, p_key ablo.key_rights, p_model text, p_action text, p_operation jsonb, p_after boolean
) returns void
language plpgsql volatile
as $$
  -- Check that an operation stays within the sync groups of its key, before and after (p_after) it is applied:
  -- the existing row is in one of them, so is the resulting row, and so are the rows that it refers to. A row
  -- outside them, or that its participant may not read, is refused like one that does not exist. Each operation is checked separately: what a commit
  -- does and undoes is in the log. The row is locked first, so that the check still holds when it is written.
  -- Called by: ablo.commit_apply, if the key is limited. Locks: the row. Raises: capability_scope_denied.
declare
  v_id text := p_operation ->> 'id';
  v_groups text[];
begin
  if not p_after and p_action <> 'create' then
    perform ablo_model.lock(p_model, v_id);
  end if;
  v_groups := ablo.row_groups_now(p_organization, p_model, v_id);
  -- It does not exist yet, or a rule of the table excludes it.
  if v_groups is null and (p_after or p_action = 'create') then
    null;
  elsif (v_groups && p_key.sync_groups) is not true
    or not p_after and p_action <> 'create' and not ablo_model.sees(p_model, null, null, null)
      and not ablo.row_seen(p_organization, p_key, p_model, v_id)
  then
    perform ablo.key_outside(p_key.id, p_operation ->> 'model', v_id);
  end if;
  if not p_after and p_action in ('create', 'update') then
    perform ablo.key_check_references(p_organization, p_key, p_model, v_id, p_operation -> 'data');
  end if;
end
$$;
