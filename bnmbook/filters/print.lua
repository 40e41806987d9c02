-- What the book in print needs: HTML, which only a browser shows, becomes what Typst can set.

-- Tables and lines of cost are read as HTML. Of an animation its last frame stays, as on paper; what
-- moves, runs a script, or is opened by a click has no place in print.
local function in_print(html)
  if html:find("<script", 1, true) or html:find("<style", 1, true) then return {} end
  if html:find("<table", 1, true) or html:find('class=[\'"]cost%-box') then
    return pandoc.read(html, "html").blocks
  end
  local still = html:match('<img[^>]-class="still"[^>]*>')
  if still then return pandoc.read(still, "html").blocks end
  return {}
end

function Pandoc(doc)
  if quarto.doc.is_format("html") then return nil end
  local headers = {}
  doc:walk({ Header = function(header) headers[header.identifier] = true end })
  return doc:walk({
    Div = function(div)
      if div.classes:includes("start") then return {} end
    end,
    Link = function(link) -- the book has no files: to a section of it, or nowhere
      if link.target:match("^https?:") then return nil end
      local id = link.target:match("#(.*)$")
      if not headers[id] then return link.content end
      link.target = "#" .. id
      return link
    end,
    Image = function(image) -- a pixel of the page, of which 96 are an inch
      local width = (image.attributes.width or ""):match("^(%d+)px$")
      if width then
        image.attributes.width = string.format("%.2fin", width / 96)
        return image
      end
    end,
    RawBlock = function(block)
      if block.format == "html" then return in_print(block.text) end
    end,
    RawInline = function(inline)
      if inline.format == "html" then return {} end
    end,
  })
end
