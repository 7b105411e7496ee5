create or replace function ablo.row_groups(p_organization text, p_model text, p_row_id text) returns text[]
language sql stable
as $$
  -- The sync groups under which a row was last sent before this transaction: subscribers that could see it then
  -- must receive its removal. Deltas of this transaction are ignored: the owners may have been gone already when
  -- they were made.
  -- Called by: capture functions of models with ownership chains, on delete. Reads delta_row_idx, one probe.
  select d.groups from ablo.delta d
   where d.organization_id = p_organization and d.model = p_model
     and (d.row_id, d.sync_id) > (p_row_id, 0) and (d.row_id, d.sync_id) <= (p_row_id, 9223372036854775807)
     and d.xid <> pg_current_xact_id()
   order by d.row_id desc, d.sync_id desc
   limit 1
$$;
