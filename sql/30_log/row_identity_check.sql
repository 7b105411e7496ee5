create or replace function ablo.row_identity_check(p_table regclass, p_fixed boolean) returns void
language plpgsql stable
as $$
  -- Whether this session may change a row's id or organization. To every subscriber that is another row: the log
  -- has a delete and a create. An application may do it in its own table, except for an organization that rows
  -- of another table take theirs from. Our programs may not, and in a table that we created no writer may.
  -- p_fixed: it is such an organization. Called by: guard triggers. Raises: row_identity_immutable.
begin
  if p_fixed
    or (select c.relowner = 'ablo_owner'::regrole from pg_catalog.pg_class c where c.oid = p_table)
    or pg_catalog.pg_has_role(session_user, 'ablo_runtime', 'member')
      and not pg_catalog.pg_has_role(session_user, 'ablo_owner', 'member')
  then
    perform ablo.raise_error('row_identity_immutable',
      format('the id and the organization of a row of %s cannot change', p_table),
      'insert the row under its new identity and delete the old one, in one transaction');
  end if;
end
$$;
