-- SPDX-License-Identifier: MIT
test("a verdict that is not as expected", function(t)
    t.volume{ accounts = { "alice@example.com" } }
    t.session{}:mail("a@sender.example"):is("reject")
end)
