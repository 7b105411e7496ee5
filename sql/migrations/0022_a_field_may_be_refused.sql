-- A refusal names the field that its writer may not write. Guards of the former release pass none.
drop function if exists ablo.permission_refuse(text, text, text);
