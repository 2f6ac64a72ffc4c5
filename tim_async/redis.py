"""The limiter shared by processes through Redis or Valkey; needs the extra ``redis``: see `RedisLimiter`."""

from .limits.redis import RedisLimiter

__all__ = ["RedisLimiter"]
