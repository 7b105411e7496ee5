-- The publication that replication readers stream: all inserts into the log, nothing else. One that
-- was altered is put right.
do $publication$
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'ablo_delta') then
    create publication ablo_delta for table ablo.delta
      with (publish = 'insert', publish_via_partition_root = true);
  elsif exists (
    select from pg_catalog.pg_publication p
     where p.pubname = 'ablo_delta' and not p.puballtables
       and (not (p.pubinsert and p.pubviaroot) or p.pubupdate or p.pubdelete or p.pubtruncate
         or exists (select from pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid) or (
         select count(*) filter (where r.prrelid = 'ablo.delta'::regclass and r.prqual is null and r.prattrs is null) <> 1
             or count(*) <> 1
           from pg_catalog.pg_publication_rel r where r.prpubid = p.oid))
  ) then
    alter publication ablo_delta set table ablo.delta;
    alter publication ablo_delta set (publish = 'insert', publish_via_partition_root = true);
  end if;
end
$publication$;
