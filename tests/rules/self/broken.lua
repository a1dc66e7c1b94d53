-- SPDX-License-Identifier: MIT
test("fine", function() end)
error("a file that fails while it is read")
