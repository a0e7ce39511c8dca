"""HTML, read."""

from html.parser import HTMLParser


class Tags(HTMLParser):
    """The names of the elements that a text opens, and the text itself."""

    def __init__(self, html):
        super().__init__()
        self.names, self.text = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)

    def handle_data(self, data):
        self.text.append(data)
