-- SPDX-License-Identifier: MIT
-- Goes through a tree once: gives each node its parent and its function, and lists nodes by tag.

-- The parts of a node that are nodes (one) or lists of them (all).
local ONE = {
    ["function"] = { "body" }, index = { "object", "key" }, call = { "callee" }, method = { "object" },
    binary = { "left", "right" }, unary = { "operand" }, paren = { "inner" }, item = { "key", "value" },
    expression = { "call" }, ["do"] = { "body" }, ["while"] = { "condition", "body" },
    ["repeat"] = { "body", "condition" }, branch = { "condition", "body" },
    numeric = { "first", "last", "step", "body" }, generic = { "body" },
}
local ALL = {
    call = { "arguments" }, method = { "arguments" }, table = { "items" }, ["local"] = { "values" },
    assign = { "targets", "values" }, ["if"] = { "branches" }, generic = { "values" },
    ["return"] = { "values" },
}
local NONE = {}

local visit

local function visit_all(tree, list, parent, owner)
    for _, part in ipairs(list) do
        visit(tree, part, parent, owner)
    end
end

function visit(tree, node, parent, owner)
    local tag = node.tag
    node.parent, node.owner = parent, owner
    tree[tag] = tree[tag] or {}
    table.insert(tree[tag], node)
    if tag == "function" then
        owner = node
    elseif tag == "block" then
        visit_all(tree, node, node, owner)
    end
    for _, part in ipairs(ONE[tag] or NONE) do
        if node[part] then
            visit(tree, node[part], node, owner)
        end
    end
    for _, part in ipairs(ALL[tag] or NONE) do
        visit_all(tree, node[part], node, owner)
    end
end

-- { [tag] = list of nodes, root = }; owner of a node is the function that it runs in.
local function index(root)
    local tree = { root = root }
    visit(tree, root, nil, nil)
    return setmetatable(tree, { __index = function() return NONE end })
end

-- Without parentheses around it.
local function bare(node)
    while node and node.tag == "paren" do
        node = node.inner
    end
    return node
end

-- The node above that is no parenthesis, and which of it this is in.
local function above(node)
    local child, parent = node, node.parent
    while parent and parent.tag == "paren" do
        child, parent = parent, parent.parent
    end
    return parent, child
end

-- "directory.resolve" or "reject": a chain of names from a global on; nil for anything else.
local function global_path(node)
    node = bare(node)
    if node.tag == "name" then
        return not node.variable and not node.environment and node.name or nil
    elseif node.tag == "index" and node.key.tag == "string" then
        local path = global_path(node.object)
        return path and path .. "." .. node.key.value
    end
end

local function is_multiple(node)
    return node ~= nil and (node.tag == "call" or node.tag == "method" or node.tag == "vararg")
end

return { index = index, bare = bare, above = above, global_path = global_path, is_multiple = is_multiple }
