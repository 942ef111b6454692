"""Pages of docs/ that runs write."""


def settle(path, page):
    """Writes a page of what was seen; whether it was so before."""
    try:
        with open(path) as file:
            if file.read() == page:
                return True
    except OSError:
        pass
    with open(path, "w") as file:
        file.write(page)
    return False
