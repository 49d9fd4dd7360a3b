#include "scp/dcm/item.hh"

#include <charconv>

namespace
{

constexpr size_t DS_MAX = 16;      // characters, PS3.5 table 6.2-1
constexpr size_t CODE_SH_MAX = 16; // longer ones are LongCodeValue, PS3.3 8.1

std::string written(const std::to_chars_result &result, const char *text)
{
    return {text, static_cast<size_t>(result.ptr - text)};
}

} // namespace

void dcm::check(const OFCondition &cond, const DcmTagKey &tag)
{
    if (cond.good())
        return;
    if (cond == EC_MemoryExhausted)
        throw std::bad_alloc();
    throw failure(ERR_FORMAT, std::string(DcmTag(tag).getTagName()) + ": " + cond.text());
}

void dcm::put(DcmItem &to, const DcmTagKey &tag, const std::string &text)
{
    check(to.putAndInsertString(tag, text.c_str()), tag);
}

void dcm::put(DcmItem &to, const DcmTagKey &tag, size_t number)
{
    put(to, tag, std::to_string(number));
}

void dcm::put(DcmItem &to, const DcmTagKey &tag, const double *numbers, size_t count)
{
    std::string text;
    for (size_t i = 0; i < count; i++)
        text += (i ? "\\" : "") + decimal(numbers[i]);
    put(to, tag, text);
}

void dcm::put_numbers(DcmItem &to, const DcmTagKey &tag,
                      const std::vector<size_t> &numbers)
{
    std::string text;
    for (size_t number : numbers)
        text += (text.empty() ? "" : "\\") + std::to_string(number);
    put(to, tag, text);
}

DcmItem &dcm::add_item(DcmItem &to, const DcmTagKey &tag)
{
    DcmItem *item = nullptr;
    check(to.findOrCreateSequenceItem(tag, item, -2), tag);
    return *item;
}

DcmItem &dcm::add_code(DcmItem &to, const DcmTagKey &tag, const code &code)
{
    DcmItem &item = add_item(to, tag);
    const std::string value = code.value;
    put(item, value.size() > CODE_SH_MAX ? DCM_LongCodeValue : DCM_CodeValue, value);
    put(item, DCM_CodingSchemeDesignator, code.scheme);
    put(item, DCM_CodeMeaning, cut(code.meaning, 64));
    return item;
}

void dcm::put_empty_sequence(DcmItem &to, const DcmTagKey &tag)
{
    if (!to.tagExists(tag))
        check(to.insertEmptyElement(tag), tag);
}

std::string dcm::decimal(double number)
{
    char text[64];
    std::string shortest =
        written(std::to_chars(text, text + sizeof(text), number), text);
    for (int digits = 16; shortest.size() > DS_MAX && digits > 0; digits--)
        shortest = decimal(number, digits);
    return shortest;
}

std::string dcm::decimal(double number, int digits)
{
    char text[64];
    return written(std::to_chars(text, text + sizeof(text), number,
                                 std::chars_format::general, digits),
                   text);
}

std::string dcm::cut(const std::string &text, size_t characters)
{
    size_t at = 0;
    for (size_t n = 0; at < text.size() && n < characters; n++) {
        at++;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
            at++;
    }
    return text.substr(0, at);
}
