-- The sync groups under which a row was last sent: whoever could see it then must hear of its end.
-- Called by: capture functions of models with ownership chains, on delete and on a move.
-- Reads delta_row_idx, one probe.
create or replace function ablo.row_groups(p_organization text, p_model text, p_row_id text) returns text[]
language sql stable
as $$
  select d.groups from ablo.delta d
   where d.organization_id = p_organization and d.model = p_model and d.row_id = p_row_id
   order by d.sync_id desc limit 1
$$;
