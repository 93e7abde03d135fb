# exit: 0
# success: true
# seen: onnxruntime 1
import warnings

import model

session = model.session()


class Feed(dict):
    def __contains__(self, name):
        warnings.warn("looked at", stacklevel=3)
        return dict.__contains__(self, name)


session.run(None, Feed(x=model.feed()))
