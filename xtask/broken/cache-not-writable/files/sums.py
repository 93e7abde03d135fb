from numba import njit


@njit(cache=True)
def sum_of_squares(below):
    total = 0
    for number in range(below):
        total += number * number
    return total


print("sum of squares:", sum_of_squares(10))
