-- Every key of a table contains the book, so that a cluster can keep each book on one of its nodes.
alter table store.console_link drop constraint console_link_pkey;
alter table store.console_link add primary key (sha256, book);
