-- A reader of the log sees its own organization, and of models that limit reading what its participant may read; the
-- replication role sees all (it only streams). Of a schema without permissions the planner drops delta_readers.
do $policies$
begin
  if not exists (select from pg_catalog.pg_policies
                  where schemaname = 'ablo' and tablename = 'delta' and policyname = 'delta_tenant_isolation') then
    create policy delta_tenant_isolation on ablo.delta for select
      using (organization_id = (select nullif(current_setting('app.current_org_id', true), '')));
  end if;
  if not exists (select from pg_catalog.pg_policies
                  where schemaname = 'ablo' and tablename = 'delta' and policyname = 'delta_replication') then
    create policy delta_replication on ablo.delta for select to ablo_replication using (true);
  end if;
  if not exists (select from pg_catalog.pg_policies
                  where schemaname = 'ablo' and tablename = 'delta' and policyname = 'delta_readers') then
    create policy delta_readers on ablo.delta as restrictive for select to ablo_runtime
      using (ablo_model.sees(null, null, null, null) or ablo.delta_readable(model, "row", before));
  end if;
end
$policies$;
