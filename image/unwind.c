/* In the place of libgcc_s, of which pydantic_core asks how to unwind the stack after a panic: there is no table of it on
   the image (image/unwinding.py), and a panic ends the process with a message and SIGABRT. What is asked while a stack
   is unwound is never called. */

#include <stdlib.h>

#define END_OF_STACK 5 /* _URC_END_OF_STACK of the Itanium C++ ABI: nobody catches it */

#define NEVER(name) \
    _Noreturn void name(void) { abort(); }

int _Unwind_RaiseException(void *exception) { return (void)exception, END_OF_STACK; }
int _Unwind_Backtrace(void *callback, void *argument) { return (void)callback, (void)argument, END_OF_STACK; }
void __register_frame_info(const void *begin, void *object) { (void)begin, (void)object; }
void *__deregister_frame_info(const void *begin) { return (void)begin, NULL; }

NEVER(_Unwind_DeleteException)
NEVER(_Unwind_GetDataRelBase)
NEVER(_Unwind_GetIP)
NEVER(_Unwind_GetIPInfo)
NEVER(_Unwind_GetLanguageSpecificData)
NEVER(_Unwind_GetRegionStart)
NEVER(_Unwind_GetTextRelBase)
NEVER(_Unwind_Resume)
NEVER(_Unwind_SetGR)
NEVER(_Unwind_SetIP)
