"""The emulator, spoken to with plain aiohttp and Tencent's own signatures: nothing of our client in between."""
