#include "scp/dcm/part10.hh"

#include "scp/dcm/net.hh"

#include <cstdint>

namespace
{

void put(std::string &out, unsigned value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out.push_back(static_cast<char>(value >> 8 * i & 0xff));
}

void put_text(std::string &out, unsigned element, const char *vr, std::string value)
{
    if (value.size() % 2)
        value.push_back(vr[0] == 'U' ? '\0' : ' ');
    put(out, 2, 2);
    put(out, element, 2);
    out += vr;
    put(out, static_cast<unsigned>(value.size()), 2);
    out += value;
}

} // namespace

std::string dcm::part10_head(const char *sop_class, const char *sop_uid,
                             const char *syntax, const char *source_ae)
{
    char implementation[65];
    implementation_uid(implementation);

    std::string group;
    put(group, 2, 2);
    put(group, 1, 2);
    group += "OB";
    put(group, 0, 2);
    put(group, 2, 4);
    put(group, 0x0100, 2); // version bytes 00 01
    put_text(group, 0x0002, "UI", sop_class);
    put_text(group, 0x0003, "UI", sop_uid);
    put_text(group, 0x0010, "UI", syntax);
    put_text(group, 0x0012, "UI", implementation);
    put_text(group, 0x0013, "SH", IMPLEMENTATION_VERSION);
    if (source_ae[0])
        put_text(group, 0x0016, "AE", source_ae);

    std::string head(128, '\0');
    head += "DICM";
    put(head, 2, 2);
    put(head, 0, 2);
    head += "UL";
    put(head, 4, 2);
    put(head, static_cast<unsigned>(group.size()), 4);
    return head + group;
}
