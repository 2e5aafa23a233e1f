"""News reach every reader: the newest, not a backlog, and the last one always."""

import threading

from test_job import until

from diffusion_core.serving.job import Mailbox


def test_a_slow_reader_gets_the_newest_and_never_misses_the_last():
    box = Mailbox()
    reader = box.watched()
    box.put(1)
    assert next(reader) == 1
    for k in range(2, 100):
        box.put(k)
    box.end()
    assert list(reader) == [99]
    assert list(box.watched()) == [99]  # who comes later still hears the last


def test_every_reader_hears_the_end_whatever_it_was():
    box, heard = Mailbox(), []

    def read():
        try:
            heard.append(list(box.watched()))
        except ValueError as error:
            heard.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    until(lambda: box.readers == 3)
    box.end(error=ValueError("the network is gone"))
    for each in readers:
        each.join(5)
    assert heard == ["the network is gone"] * 3 and box.readers == 0


def test_a_watched_mailbox_says_that_nothing_came():
    box = Mailbox()
    news = box.watched(seconds=0.01)
    assert next(news) is None
    box.put("a step")
    assert next(news) == "a step"
    assert next(news) is None
    box.end()
    assert list(news) == []
