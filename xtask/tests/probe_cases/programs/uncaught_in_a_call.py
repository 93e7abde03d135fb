# exit: 1
# success: false
# level: built
# because: exit code 1
import model


def work():
    try:
        model.session().run(None, {"wrong": model.feed()})
    except ValueError as error:
        raise RuntimeError("cannot work") from error


work()
