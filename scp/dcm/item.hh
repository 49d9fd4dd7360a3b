/*
 * item: puts values, codes and items into a data set; what fails is thrown with the
 * attribute's name.
 */
#ifndef SCP_DCM_ITEM_HH
#define SCP_DCM_ITEM_HH

#include "base/code.h"
#include "scp/dcm/guard.hh"

#include <cstddef>
#include <string>
#include <vector>

namespace dcm
{

/** Throw failure naming tag when cond is bad. */
void check(const OFCondition &cond, const DcmTagKey &tag);

/** Set attribute tag of to, of any value representation, from its text; "" leaves it empty. */
void put(DcmItem &to, const DcmTagKey &tag, const std::string &text);
/** The same for a whole number. */
void put(DcmItem &to, const DcmTagKey &tag, size_t number);
/** The same for decimal strings and floats, joined by backslashes. */
void put(DcmItem &to, const DcmTagKey &tag, const double *numbers, size_t count);
/** The same for whole numbers. */
void put_numbers(DcmItem &to, const DcmTagKey &tag, const std::vector<size_t> &numbers);
/** Append an item to the sequence tag of to, which is made when it is not there. */
DcmItem &add_item(DcmItem &to, const DcmTagKey &tag);
/** Append an item with that code to the sequence tag. */
DcmItem &add_code(DcmItem &to, const DcmTagKey &tag, const code &code);
/** An empty sequence, unless it is there. */
void put_empty_sequence(DcmItem &to, const DcmTagKey &tag);

/** number in at most 16 characters (VR DS), as exactly as they allow. */
std::string decimal(double number);
/** number with so many significant digits. */
std::string decimal(double number, int digits);
/** text cut to so many characters of UTF-8. */
std::string cut(const std::string &text, size_t characters);

} // namespace dcm
#endif
