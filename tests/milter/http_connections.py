#!/usr/bin/env python3
"""Connections of HTTP requests: who is trusted, what is kept, how many there are, and what stays behind."""

import os
import socket
import ssl
import threading

from cases import case, equal, holds, run
from certificates import Authority
from fake_http import FakeHttp, Reply, SILENCE
from http_asking import ASK, LIMIT, OPTIONS, SHORT, SLACK, TIMEOUT, ask, fails, gives, trusted, web
from program import Program, wait_until

NAME = "web.example.test"
RULES = {"ask.lua": ASK}

stranger = Authority("Other CA")
program = None


@case("TLS: who proves the name is asked, nobody else is")
def certificates():
    names = "DNS:localhost,IP:127.0.0.1"
    old = trusted.issue(NAME, names).context(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    for what, context, reason in (
            ("good", trusted.issue(NAME, names).context(), None),
            ("TLS 1.2", trusted.issue(NAME, names).context(maximum=ssl.TLSVersion.TLSv1_2), None),
            ("TLS 1.1", old, "protocol version"),
            ("another name", trusted.issue(NAME).context(), "no alternative certificate subject name matches"),
            ("expired", trusted.issue(NAME, names, days=-1).context(), "certificate has expired"),
            ("unknown authority", stranger.issue(NAME, names).context(), "unable to get local issuer certificate"),
            ("self-signed", Authority(NAME, names).context(), "self-signed certificate")):
        server = FakeHttp(tls=context)
        server.answers["/"] = Reply(200, b"ok")
        for host in ("127.0.0.1", "localhost"):
            url = server.url.replace("127.0.0.1", host) + "/"
            got, took = ask(program, url)
            print(f"      {what}: {got}")
            holds(what, got == "200 ok" if reason is None else got.startswith("nil http GET ") and reason in got, got)
            holds(f"{what}: in time", took < TIMEOUT + SLACK, took)
        equal(f"{what}: asked", len(server.asked), 2 if reason is None else 0)
        server.stop()
    got, _ = ask(program, web.url.replace("http:", "https:") + "/")
    holds("no TLS there", got.startswith("nil http GET https://"), got)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        got, took = ask(program, "https://127.0.0.1:%d/" % mute.getsockname()[1], "short")
        holds("a handshake that hangs", got.endswith("connecting") and took < SHORT + SLACK, got)


@case("TLS: without http.ca the authorities of the system are trusted, and no other")
def system_authorities():
    server = FakeHttp(tls=trusted.issue(NAME, "IP:127.0.0.1").context())
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "http.ca": ""}) as plain:
        fails(plain, "/", "unable to get local issuer certificate", server)
    server.stop()


@case("connections are kept for the next request, and a broken one costs nothing")
def kept():
    for tls in (None, trusted.issue(NAME, "IP:127.0.0.1").context()):
        server = FakeHttp(tls=tls)
        server.answers["/"] = Reply(200, b"ok")
        server.answers["/close"] = Reply(200, b"ok", {"Connection": "close"}, length=False)
        for _ in range(20):
            equal("answer", ask(program, server.url + "/")[0], "200 ok")
        equal("connections", server.connection_count, 1)
        for _ in range(3):
            server.stop()
            server.start()
            equal("answer", ask(program, server.url + "/")[0], "200 ok")
        equal("connections", server.connection_count, 4)
        for _ in range(3):
            equal("answer", ask(program, server.url + "/close")[0], "200 ok")
        server.stop()


def many(which, count, url):
    with which.session() as session:
        return str(session.mail("<a@ext.test>", f"MANY={count}", f"OF={url}"))


def crowd(which, sessions, count, url):
    told = [None] * sessions

    def work(i):
        told[i] = many(which, count, url)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def tasks(which):
    return len(os.listdir(f"/proc/{which.process.pid}/task"))


@case("200 requests at once, of 8 sessions; nothing stays behind")
def at_once():
    web.answers["/many"] = Reply(200, b"ok")
    web.answers["/silent"] = SILENCE
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "http.requests": "200"}) as wide:
        equal("warm", ask(wide, web.url + "/many")[0], "200 ok")
        before = wide.descriptors(), tasks(wide)
        for _ in range(3):
            equal("all answered", crowd(wide, 8, 25, web.url + "/many"), ["550 5.7.1 25 good "] * 8)
        for text in crowd(wide, 8, 25, web.url + "/silent"):
            holds("silence for all", text.startswith("550 5.7.1 0 good nil") and "no answer within" in text, text)
        equal("as before", ask(wide, web.url + "/many")[0], "200 ok")
        # Connections are kept, as many as were used; and they are closed when nothing is asked any more.
        holds("no more connections than requests", wide.descriptors() <= before[0] + 200 + 8, wide.descriptors())
        wait_until(lambda: wide.descriptors() <= before[0] + 8, LIMIT, "idle connections are closed")
        holds("no threads stay", tasks(wide) <= before[1] + 8, (before, tasks(wide)))


@case("beyond http.requests further ones fail at once")
def too_many():
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "http.requests": "10"}) as narrow:
        gate = threading.Event()

        def held(peer, asked):
            gate.wait(LIMIT)
            peer.sendall(Reply(200, b"ok").encode())

        web.answers["/held"] = held
        web.forget()
        opener = threading.Thread(target=lambda: (web.wait_asked("/held", 10), gate.set()))
        opener.start()
        text = many(narrow, 20, web.url + "/held")
        opener.join()
        holds("ten of twenty", text.startswith("550 5.7.1 10 good nil ") and text.endswith(
            "/held: 10 requests are under way already"), text)
        gives(narrow, "/many", "200 ok")


@case("a stop while requests are under way")
def stop():
    web.answers["/silent"] = SILENCE
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "http.timeout": "1s"}) as stopped:
        told = []
        web.forget()
        asking = threading.Thread(target=lambda: told.append(many(stopped, 20, web.url + "/silent")))
        asking.start()
        holds("under way", web.wait_asked("/silent", 20))
        took = stopped.stop()
        asking.join(LIMIT)
        holds("the open transaction was answered", told and "no answer within" in told[0], told)
        holds("and not waited for much longer", took < 1 + 5, took)


with Program(rules=RULES, options=OPTIONS) as program:
    run()
