-- A session remembers the person whom the proxy named when a key opened it; empty without a proxy.

alter table store.console_session add column opened_by text not null default '';
