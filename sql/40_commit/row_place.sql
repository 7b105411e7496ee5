create or replace function ablo.row_place(p_organization text, p_typename text, p_id text) returns text[]
language plpgsql stable
as $$
  -- The sync groups that decide who may see a row and what belongs to it: its current ones, or for a missing row
  -- the group that only it would be in. Null for rows without organizations, which everyone may see.
  -- Called by: ablo.row_seen, ablo.live_read, ablo.activity_row.
begin
  return coalesce(ablo.row_groups_now(p_organization, p_typename, p_id),
    (select array[m.group_kind || ':' || p_id] from ablo.model m where m.typename = p_typename and m.org_column is not null));
end
$$;
