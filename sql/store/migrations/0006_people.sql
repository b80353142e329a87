-- People who are signed on to the console act too, under the name that their proxy asserts.

alter table store.audit
    drop constraint audit_actor_check,
    add constraint audit_actor_check check (actor in ('key', 'person', 'account', 'service'));
