create or replace function ablo.table_plain(p_table regclass, p_deletes boolean) returns boolean
language plpgsql stable
as $$
  -- Whether a write of this table does nothing but what the compiled script says: the table is of ours, and its
  -- triggers, rules and policies are; its defaults, checks and indexes call only built-in functions whose result does
  -- not depend on who writes, and which cannot write themselves (except now()). Only then ablo_writer may write it,
  -- whose changes are not captured. p_deletes: and no foreign key changes rows of other tables after a delete.
  -- Called by: ablo_model.many, which has locked the table: no trigger, column or constraint can be added meanwhile.
  -- Locks: none.
begin
  return c.relkind = 'r' and c.relowner = 'ablo_owner'::regrole
     and not (c.relhasrules or c.relhassubclass or c.relispartition)
     and not exists (
       select from pg_catalog.pg_trigger t
        where t.tgrelid = c.oid and case
          when t.tgisinternal then p_deletes and t.tgfoid = any (array[
            '"RI_FKey_cascade_del"', '"RI_FKey_setnull_del"', '"RI_FKey_setdefault_del"']::regproc[])
          when t.tgname like 'zz\_ablo\_%' then t.tgqual is null and t.tgname <> 'zz_ablo_truncate'
          else true end)
     and (select count(*) from pg_catalog.pg_policy p where p.polrelid = c.oid) = 1
     and not exists (
       select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.atttypid >= 16384)
     and not exists (
       select from (
         select d.adbin::text from pg_catalog.pg_attrdef d where d.adrelid = c.oid
         union all
         select k.conbin::text from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype = 'c'
         union all
         select concat(i.indexprs, i.indpred) from pg_catalog.pg_index i where i.indrelid = c.oid) e (expression)
        cross join lateral string_to_table(e.expression, 'funcid ') with ordinality f (called, n)
        left join pg_catalog.pg_proc p on p.oid = case when f.n > 1 then split_part(f.called, ' ', 1)::oid end
        where f.called like any (array['%SQLVALUEFUNCTION%', '%COERCETODOMAIN%']) or p.oid >= 16384
          or p.provolatile <> 'i' and p.oid <> 'pg_catalog.now()'::regprocedure)
    from pg_catalog.pg_class c where c.oid = p_table;
end
$$;
