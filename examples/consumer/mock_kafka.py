"""A Kafka broker to try things on: the one inside the wheel of confluent-kafka.

It prints its address, and ends when its standard input does. It holds everything in memory, and only the last few
megabytes of it.
"""

import sys

from confluent_kafka import Producer

TOPICS = ("users.deleted", "users.noted", "users.dead")


def main() -> None:
    """Serve until standard input ends."""
    holder = Producer({"test.mock.num.brokers": 1, "log_level": 2})
    brokers = holder.list_topics(timeout=10).brokers.values()
    for topic in TOPICS:
        holder.list_topics(topic, timeout=10)  # to ask for one makes it
    print(",".join(f"{broker.host}:{broker.port}" for broker in brokers), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
